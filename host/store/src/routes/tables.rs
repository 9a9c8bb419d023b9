//! The tables behind routes.

pub(crate) mod route {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "routes")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub host: String,
        #[sea_orm(column_type = "Text")]
        pub path: String,
        #[sea_orm(column_type = "JsonBinary", nullable)]
        pub redirect: Option<Json>,
        pub sticky: bool,
        pub created_at: i64,
        pub project_id: Option<Uuid>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(has_many = "super::target::Entity")]
        Target,
    }

    impl Related<super::target::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Target.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod target {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "route_targets")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub route_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub app_id: Uuid,
        pub weight: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::route::Entity",
            from = "Column::RouteId",
            to = "super::route::Column::Id"
        )]
        Route,
    }

    impl Related<super::route::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Route.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}
